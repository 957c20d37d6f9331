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

_SHARE = 0.5
_MANY = 8
"""Members of a group that count in the needed links: in a large group not every pair has been compared."""


def connected_groups(links: Iterable[Link], check: Check = never) -> list[tuple[int, ...]]:
    """Return the groups of two or more articles, members ascending, in the order of their first members.

    The result does not depend on the order of `links`.
    """
    ordered = sorted(((min(a, b), max(a, b), score) for a, b, score in links), key=lambda link: (-link[2], link))
    group_of = {article: article for a, b, _ in ordered for article in (a, b)}
    members = {article: [article] for article in group_of}
    between = _counts(ordered)
    waiting = [(a, b) for a, b, _ in ordered]
    joined = True
    while joined and waiting:
        # Merged groups pool their links, so that a rejected pair may qualify now: repeat until nothing changes.
        joined, left = False, []
        for a, b in checked(waiting, check):
            one, other = group_of[a], group_of[b]
            if one == other:
                continue
            if between[one][other] < _needed(len(members[one]), len(members[other])):
                left.append((a, b))
                continue
            _join(one, other, group_of, members, between)
            joined = True
        waiting = left
    found = (tuple(sorted(group)) for group in members.values())
    return sorted(group for group in found if len(group) > 1)


def _needed(one: int, other: int) -> float:
    """Return the number of links that joins groups of these sizes."""
    return _SHARE * min(one, other) * min(max(one, other), _MANY)


def _counts(links: Iterable[Link]) -> dict[int, dict[int, int]]:
    between: dict[int, dict[int, int]] = defaultdict(dict)
    for a, b, _ in links:
        between[a][b] = between[b][a] = 1
    return between


def _join(
    one: int, other: int, group_of: dict[int, int], members: dict[int, list[int]], between: dict[int, dict[int, int]]
) -> None:
    """Merge two groups, the smaller into the larger, so that no article moves often."""
    large, small = sorted((one, other), key=lambda group: (-len(members[group]), group))
    for article in members[small]:
        group_of[article] = large
    members[large] += members.pop(small)
    for neighbour, count in between.pop(small).items():
        del between[neighbour][small]
        if neighbour != large:
            between[large][neighbour] = between[neighbour][large] = between[large].get(neighbour, 0) + count
