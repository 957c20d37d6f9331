"""Group linked articles into stories: connected components without chaining.

One link is not enough to join two groups: an article that quotes another would merge everything about both.
Groups are joined from the strongest link down (agglomerative clustering), and only where their members are linked on
average to half of the other group (average linkage on binary links).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from index.runtime.cancellation import Check, checked, never

Link = tuple[int, int, float]
"""Two articles and the score of their link."""

_MIN_LINKED_SHARE = 0.5
_MAX_COUNTED_MEMBERS = 8
"""Members of a group that count in the needed links: in a large group not every pair has been compared."""


def connected_groups(links: Iterable[Link], check: Check = never) -> list[tuple[int, ...]]:
    """Return the groups of two or more articles, members ascending, in the order of their first members.

    The result does not depend on the order of `links`.
    """
    ordered = sorted(((min(a, b), max(a, b), score) for a, b, score in links), key=lambda link: (-link[2], link))
    group_of = {article: article for a, b, _ in ordered for article in (a, b)}
    members = {article: [article] for article in group_of}
    link_counts = _count_links(ordered)
    pending = [(a, b) for a, b, _ in ordered]
    joined = True
    while joined and pending:
        # Merged groups pool their links, so that a rejected pair may qualify now: repeat until nothing changes.
        joined, rejected = False, []
        for a, b in checked(pending, check):
            group_a, group_b = group_of[a], group_of[b]
            if group_a == group_b:
                continue
            if link_counts[group_a][group_b] < _links_needed(len(members[group_a]), len(members[group_b])):
                rejected.append((a, b))
                continue
            _merge(group_a, group_b, group_of, members, link_counts)
            joined = True
        pending = rejected
    groups = (tuple(sorted(group)) for group in members.values())
    return sorted(group for group in groups if len(group) > 1)


def _links_needed(size_a: int, size_b: int) -> float:
    """Return the number of links that joins groups of these sizes."""
    return _MIN_LINKED_SHARE * min(size_a, size_b) * min(max(size_a, size_b), _MAX_COUNTED_MEMBERS)


def _count_links(links: Iterable[Link]) -> dict[int, dict[int, int]]:
    link_counts: dict[int, dict[int, int]] = defaultdict(dict)
    for a, b, _ in links:
        link_counts[a][b] = link_counts[b][a] = 1
    return link_counts


def _merge(
    group_a: int,
    group_b: int,
    group_of: dict[int, int],
    members: dict[int, list[int]],
    link_counts: dict[int, dict[int, int]],
) -> None:
    """Merge two groups, the smaller into the larger, so that no article moves often."""
    large, small = sorted((group_a, group_b), key=lambda group: (-len(members[group]), group))
    for article in members[small]:
        group_of[article] = large
    members[large] += members.pop(small)
    for neighbour, count in link_counts.pop(small).items():
        del link_counts[neighbour][small]
        if neighbour != large:
            link_counts[large][neighbour] = link_counts[neighbour][large] = link_counts[large].get(neighbour, 0) + count
