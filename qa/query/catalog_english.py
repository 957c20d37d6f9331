"""English patterns of questions about the catalogue (`qa/query/catalog_grammar.py`), for folded text."""

from __future__ import annotations

import re

from qa.query.catalog_grammar import Grammar, conditions, heads

_NEWEST = r"newest|latest|(?:most|more) recent(?:ly published)?|last"
_OLDEST = r"oldest|earliest|(?:very )?first"
_STRONG = (
    r"(?:(?:news|newspaper|press|magazine|opinion|web|blog|online) )?articles?"
    r"|(?:news|press) (?:items?|stor(?:y|ies)|reports?|pieces?)|newspaper (?:reports?|stor(?:y|ies)|pieces?)"
    r"|(?:newspaper|opinion) columns?|opinion pieces?|op-?eds?|blog posts?|write-?ups?"
)
_WEAK = r"stor(?:y|ies)|pieces?|posts?|items?|columns?|texts?|documents?|files?|features?|news"
_GENRE = r"sermons?|interviews?|obituar(?:y|ies)|reviews?|recipes?|essays?|editorials?|profiles?|letters? to the editor"
_DETERMINER = (
    r"(?:(?:all|any|some|each|every|which|both)(?: of)? )?(?:(?:the|this|that|these|those|an?|your|its|our|other) )?"
)
_ADJECTIVE = r"(?:(?:short|long|original|published|available|different|front-page|lead|main|whole|own|such|written) )*"
_NOUN_PHRASE = (
    rf"{_DETERMINER}(?:(?P<owner>[^\s,;:?]+(?: [^\s,;:?]+){{0,6}}?)['’](?:s)? )?(?:(?P<newest>{_NEWEST})"
    rf"|(?P<oldest>{_OLDEST}))? ?(?:(?P<year>[12]\d{{3}}) )?{_ADJECTIVE}(?:(?:(?P<arabic>arabic)"
    rf"|(?P<english>english))(?:[- ]language)? )?(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK})|(?P<genre>{_GENRE}))\b"
)
_PAPER = (
    r"(?:local |national |daily |weekly |arabic |english )?(?:news ?(?:papers?|sites?|agenc(?:y|ies)|outlets?|letters?"
    r"|sources?|organi[sz]ations?)|papers?|magazines?|web ?sites?|sites?|sources?|(?:media )?outlets?|publications?"
    r"|publishers?|bulletins?|blogs?|gazettes?|dail(?:y|ies)|weekl(?:y|ies))"
)
_PAPERS = (
    r"(?:news ?(?:papers|sites|agencies|outlets|letters|sources)|papers|magazines|web ?sites|sites|sources"
    r"|(?:media )?outlets|publications|publishers|blogs)"
)
_WRITER = r"(?:authors?|writers?|journalists?|reporters?|columnists?|correspondents?|contributors?)"
_ONE_WRITER = r"(?:author|writer|journalist|reporter|columnist|correspondent|contributor)"
_WRITERS = r"(?:authors|writers|journalists|reporters|columnists|correspondents|contributors)"
_PUBLISHED = r"(?:(?:first |originally )?(?:published|written|printed|posted|released|issued|dated|put online|run))"
_APPEAR = r"(?:(?:first |originally )?(?:appear|come out|run|get published|get written))"
_COLLECTION = (
    r"(?:the|this|that|your|our|my) (?:whole |entire )?(?:collection|archive|index|library|data ?base|corpus"
    r"|knowledge base|catalogue?|set|folder)"
)
_BE = r"(?:is|was|are|were|'s)"
_NO_PRONOUN = r"(?!(?:it|its|they|their|he|she|his|her|this|that) )"
_NOT_PUBLISHED_ARTICLES = (
    r"(?!(?:\S+ ){0,3}(?:books?|novels?|poems?|photo\w*|pictures?|images?|letters?|stud(?:y|ies)|research|lists?"
    r"|memoirs?|diar(?:y|ies)|cartoons?|maps?|recordings?|videos?|findings|figures|results|names?|documents?|leak\w*"
    r"|translations?|edition|serie?s|stor(?:y|ies)|work|statements?|interviews?|files?|emails?|apolog\w+"
    r"|corrections?)\b)"
)
"""Excludes books, letters and other works, which an article may say that a newspaper published."""


_HEADS = (
    # Who wrote most comes before who wrote.
    *heads(
        "authors",
        r"who (?:wrote|has written|published|authored|contributed) (?:the )?most",
        rf"who (?:wrote|has written|published|authored|contributed) (?:the )?most (?:{_STRONG}|pieces|stories)\b<rest>",
        rf"(?:which|what) {_WRITER} (?:wrote|has written|published|has|authored|contributed)"
        rf" (?:the )?(?:most|largest number of) (?:{_STRONG})\b<rest>",
        rf"(?:which|what) {_WRITER} (?:wrote|has written|published) (?:the )?most",
        rf"who (?:is|was) the most (?:prolific|productive) {_WRITER}<rest>",
        rf"(?:which|what) {_WRITER} is the most (?:prolific|productive)<rest>",
        pick="most",
    ),
    *heads(
        "sources",
        rf"(?:which|what) {_PAPER} (?:published|has|has published|printed|ran|contributed)"
        rf" (?:the )?(?:most|largest number of) (?:{_STRONG}|news|stories)\b<rest>",
        pick="most",
    ),
    *heads(
        "author",
        r"(?:it was )?who(?: was it (?:that|who))? (?:wrote|writes|has written|had written|authored|penned) <noun>",
        rf"who ?{_BE} (?:listed as |named as |given as )?(?:the )?(?:name of the )?{_WRITER} (?:of|behind|for) <noun>",
        rf"(?:what ?{_BE} |give (?:me )?|tell me |find )?(?:name )?(?:the )?(?:name of )?(?:the )?{_WRITER} of <noun>",
        rf"(?:by )?whom? {_BE} <noun> (?:written|authored|penned)(?: by)?",
        rf"<noun> (?:was|were) (?:written|authored|penned) by (?:whom?|which {_WRITER})",
        rf"(?:which|what) {_WRITER} (?:wrote|has written|authored|penned|signed) <noun>",
        r"whose (?:name|byline) is (?:on|under|above) <noun>",
        r"who wrote(?= [\"“«])<rest>",
        rf"who {_BE} the {_WRITER} of(?= [\"“«])<rest>",
    ),
    *heads(
        "author",
        rf"(?:which|what) {_ONE_WRITER} (?:wrote|has written|writes) (?:about|on) (?P<topic>{_NO_PRONOUN}.+?)",
        rf"who (?:wrote|has written) about (?P<topic>{_NO_PRONOUN}.+?)",
        certain=False,
    ),
    *heads(
        "date",
        rf"when {_BE} <noun> {_PUBLISHED}",
        rf"when <noun> {_BE} {_PUBLISHED}",
        rf"when did <noun> {_APPEAR}(?: in print)?",
        r"when did (?P<name>.+?) (?:publish|write|print|run|post) <noun>",
        rf"(?:what ?{_BE} |give (?:me )?|tell me )?(?:the )?(?:publication |publishing )?date"
        rf" (?:of publication )?(?:of|on) <noun>",
        rf"(?:(?:on|in) )?(?:what|which) (?:date|day|month|year) {_BE} <noun> {_PUBLISHED}(?: in| on)?",
        rf"(?:(?:on|in) )?(?:what|which) (?:date|day|month|year) did <noun> {_APPEAR}",
        r"(?:what|which) (?:date|day|month|year) is <noun> from",
        r"(?:from )?when (?:is|was) <noun> (?:from|dated)",
    ),
    *heads(
        "sources",
        rf"(?:which|what) {_PAPERS}\b<rest>",
        rf"(?:what|which) (?:are|were) (?:all )?(?:the |your )?(?:names of (?:all )?(?:the )?)?{_PAPERS}\b<rest>",
        rf"(?:what|which) (?:are|were) (?:all )?(?:the |your )?(?:names of (?:all )?(?:the )?)?{_PAPERS} of <noun>",
        rf"(?:list|name|show(?: me)?|give(?: me)?) (?:all )?(?:the |your )?(?:names of"
        rf" (?:all )?(?:the )?)?{_PAPERS}\b<rest>",
        rf"(?:list|name|show(?: me)?|give(?: me)?) (?:all )?(?:the |your )?(?:names of (?:all )?(?:the )?)?{_PAPERS} of"
        rf" <noun>",
        rf"how many (?:different )?{_PAPERS}\b<rest>",
    ),
    *heads(
        "source",
        rf"(?:in|on) (?:which|what) {_PAPER} {_BE} <noun> {_PUBLISHED}",
        rf"(?:in|on) (?:which|what) {_PAPER} did <noun> {_APPEAR}",
        rf"(?:in|on) (?:which|what) {_PAPER} did (?P<name>.+?) (?:publish|write) <noun>",
        rf"(?:which|what) {_PAPER} {_BE} <noun> {_PUBLISHED} (?:in|by|on)",
        rf"(?:which|what) {_PAPER} did <noun> {_APPEAR} in",
        rf"where {_BE} <noun> (?:first |originally )?(?:published|printed|posted)",
        rf"where did <noun> {_APPEAR}",
        rf"(?:what|which|who) ?{_BE} the (?:source|publisher|newspaper|paper) of <noun>",
        rf"(?:from )?(?:which|what) {_PAPER} {_BE} <noun>(?: from)?",
        r"who (?:published|printed) <noun>",
        rf"(?:which|what) {_PAPER} (?:published|printed|posted|ran|carried|has|had|wrote|brought|contains) <noun>",
        rf"(?:which|what) {_PAPER} (?:reported|reports|covered|covers|wrote|writes|carried|ran|had|broke|published"
        rf"|printed) (?:(?:an? )?(?:report|reports|news|the news|the story)? ?(?:that|about|on|of)"
        rf" )(?P<claim>{_NO_PRONOUN}.+?)",
        rf"(?:which|what) {_PAPER} (?:said|says|announced|mentioned|mentions|claimed) that (?P<claim>{_NO_PRONOUN}.+?)",
        rf"(?:which|what) {_PAPER} (?:reported|reports|covered|covers) (?P<claim>{_NO_PRONOUN}.+?)",
    ),
    *heads(
        "source",
        rf"(?:which|what) {_PAPER} (?:published|printed|mentioned|mentions)"
        rf" (?P<claim>{_NO_PRONOUN}{_NOT_PUBLISHED_ARTICLES}.+?)",
        certain=False,
    ),
    *heads(
        "newest",
        rf"(?:what|which) ?{_BE} {_DETERMINER}(?:newest|latest|most recent)(?: news)?"
        rf" (?:on|about|regarding|concerning|with) (?P<topic>.+?)",
        rf"(?:what ?{_BE} |any |show me |give me |tell me )?(?:the )?(?:latest|newest|most recent)(?: news)?"
        rf" (?:on|about|regarding) (?P<topic>.+?)",
        rf"(?:what ?{_BE} )?(?:the )?(?:latest|newest|most recent) news (?:from|of|in) (?P<topic>.+?)",
        r"what ?(?:is|'s) new (?:about|on|with|in) (?P<topic>.+?)",
        rf"(?:which|what) <noun> {_BE} (?:the )?(?:(?:published|written) )?(?:{_NEWEST})(?: one)?",
        rf"(?:which|what) <noun> {_BE} (?:the )?(?:(?:published|written) )?(?:{_NEWEST})(?: one)?<rest>",
        rf"(?:which|what) {_BE} (?:the )?(?:{_NEWEST}) of <noun>",
    ),
    *heads(
        "oldest",
        rf"(?:which|what) <noun> {_BE} (?:the )?(?:(?:published|written) )?(?:{_OLDEST})(?: one)?",
        rf"(?:which|what) <noun> {_BE} (?:the )?(?:(?:published|written) )?(?:{_OLDEST})(?: one)?<rest>",
        rf"(?:which|what) {_BE} (?:the )?(?:{_OLDEST}) of <noun>",
    ),
    *heads(
        "authors",
        rf"(?:which|what) {_WRITERS}\b<rest>",
        rf"(?:who|what) (?:are|were) (?:all )?(?:the |your )?(?:names of (?:all )?(?:the )?)?{_WRITERS}\b<rest>",
        rf"(?:who|what) (?:are|were) (?:all )?(?:the |your )?(?:names of (?:all )?(?:the )?)?{_WRITERS} of <noun>",
        rf"(?:list|name|show(?: me)?|give(?: me)?) (?:all )?(?:the |your )?(?:names of"
        rf" (?:all )?(?:the )?)?{_WRITERS}\b<rest>",
        rf"(?:list|name|show(?: me)?|give(?: me)?) (?:all )?(?:the |your )?(?:names of (?:all )?(?:the )?)?{_WRITERS}"
        rf" of <noun>",
        rf"how many (?:different )?{_WRITERS}\b<rest>",
        r"who (?:writes|wrote|has written) for (?P<paper>.+?)",
    ),
    *heads(
        "count",
        r"how many <noun>",
        rf"(?:what ?{_BE} |give (?:me )?|tell me )?(?:the )?(?:total )?(?:number|count) of <noun>",
        r"count <noun>",
    ),
    *heads(
        "list",
        r"(?:which|what) <noun>",
        rf"(?:what ?{_BE} |(?:list|give|show)(?: me)? )(?:the )?(?:titles?|names?|headlines?) of <noun>",
        r"(?:list|show|give|name|find|display|enumerate|get|print)(?: me| us)?(?: a list of)? <noun>",
        r"(?:is|are) there <noun>",
        rf"(?:do you|does {_COLLECTION}) (?:have|contain|know|hold) <noun>",
        r"(?:what|which) (?:are|is|were) <noun>",
        r"<noun>(?= (?:about|on|by|from|since) )<rest>",
    ),
)  # fmt: skip

_RELATIVE = r"(?:that |which |who )?"
_BEING = r"(?:(?:is|was|are|were|has been|have been|had been) )?"

ENGLISH = Grammar(
    noun_phrase=re.compile(_NOUN_PHRASE),
    politeness=re.compile(
        r"(?:(?:please|pls|hello|hi|hey|so|and|ok(?:ay)?|(?:can|could|would|will)"
        r" you(?: please)?(?: tell me| say)?(?= )|can you tell|(?:please )?tell (?:me|us)|do you know"
        r"|i(?:'d like| would like| want|'d love) to know|i wonder|remind me) ?[,:]? )+(?! )"
    ),
    not_articles=re.compile(
        r"\barticles? (?:no\.? ?|number )?(?:\d{1,3}|one|two|three|[ivx]+)\b(?! \w+ ago)"
        r"|\barticles? of (?:an? |the |this |that |its |their |our )?(?:\w+ ){0,2}(?:constitution|treat(?:y|ies)|law"
        r"|charter|agreement|statutes?|code|convention|covenant|act|bill|decree|contract|pact|declaration|faith"
        r"|clothing|furniture|association|incorporation|war|confederation|impeachment|rules|regulations?|protocol"
        r"|constitutional|value|jewell?ery|luggage|property)\b|\b(?:constitution|treaty|charter|agreement|statutes?"
        r"|convention|covenant|law|decree|pact|bill|contract|protocol)['’]s articles?\b"
        r"|\barticles? (?:\w+ ){0,3}in (?:an? |the |this |that |its |their )?(?:\w+ ){0,2}(?:constitution|treaty|law"
        r"|charter|agreement|code|convention|covenant|act|bill|decree|contract|pact|declaration|statutes?)\b"
        r"|\b(?:items?|stor(?:y|ies)|columns?|posts?|pieces?|files?|texts?|documents?) on"
        r" (?:an? |the |its |their |his |her )?(?:agenda|list|menu|programme?|table|border|hill|left|right|board|piano"
        r"|computer|disk|facade|wall|(?:\w+ )?floor|page|back|front|top)\b|\bthis (?:year|month|week)\b"
        r"|\blast (?:year|month|week|night)\b|\b(?:today|yesterday)\b"
    ),
    heads=_HEADS,
    conditions=conditions(
        ("quote", r"(?=[\"“«„])"),
        ("arabic", rf"{_RELATIVE}{_BEING}(?:written )?in arabic\b"),
        ("english", rf"{_RELATIVE}{_BEING}(?:written )?in english\b"),
        (
            "title",
            rf"{_RELATIVE}{_BEING}(?:titled|entitled|headlined|headed|called|with the (?:title|headline)"
            rf"|under the (?:title|headline)) ?",
        ),
        (
            "topic",
            rf"{_RELATIVE}{_BEING}(?:published |written |posted )?(?:about|on|regarding|concerning|covering|relating to"
            rf"|related to|dealing with|discussing|describing|reporting(?: on| that)?|announcing(?: that)?) ",
        ),
        (
            "topic",
            rf"{_RELATIVE}(?:discuss(?:es|ed)?|describe[sd]?|cover(?:s|ed)?|report(?:s|ed)?(?: on| that)?"
            rf"|deal(?:s|t)? with|(?:talk|speak|tell|write|wrote)s?(?:ed)? (?:about|of|on)|announce[sd]?(?: that)?) ",
        ),
        (
            "mention",
            rf"(?:do |does )?{_RELATIVE}(?:(?:do |does )?mention(?:s|ed|ing)?|refer(?:s|red|ring)? to"
            rf"|contain(?:s|ing)?(?: the words?)?|sa(?:y|ys|id|ying) that|stat(?:e|es|ed|ing) that"
            rf"|with (?:the words?|a mention of)) ",
        ),
        (
            "author",
            rf"{_RELATIVE}{_BEING}(?:(?:written|authored|penned|signed|contributed) )?by (?:the )?(?:{_WRITER} )?",
        ),
        (
            "author",
            r"(?:did|has|have|had|does|do) (?P<name>.+?) (?:write|written|authored?|pen|penned|contributed?|publish"
            r"|published|print|printed|run|post|posted|carry)(?= |$)",
        ),
        (
            "author",
            r"(?:that|which) (?P<name>.+?) (?:(?:has |have |had )?(?:written|published)|wrote|published|printed"
            r"|ran)(?= |$)",
        ),
        (
            "source",
            rf"{_RELATIVE}{_BEING}(?:published|printed|posted|carried|run|released|issued|appeared|appear|appears"
            rf"|appearing|found|that ran) (?:in|by|on|at) (?:the )?(?:{_PAPER} )?(?!{_COLLECTION})",
        ),
        (
            "skip",
            rf"(?:(?:are|is|were) )?(?:there|here|available|altogether|overall|in total|in all|exist"
            rf"|please)\b(?: (?:in|of) {_COLLECTION})?|(?:do|does|have|did) (?:you|we|jawab|it|{_COLLECTION})"
            rf" (?:have|got|hold|contain|include|know)\b(?: here)?|(?:that )?(?:you|we) (?:have|know)\b"
            rf"|(?:are |is |that are )?(?:stored |indexed |collected |contained |included )?(?:in|of|from"
            rf"|within) {_COLLECTION}\b|{_BEING}(?:published|written|printed|indexed|collected)(?=[ ,?]"
            rf"|$)(?! (?:in|by|on|at) (?!{_COLLECTION}))|(?:has|have) (?:been )?(?:published|written|appeared)\b",
        ),
        ("topic", r"(?<=\bnews )(?:that|of) "),
        ("topic", r"(?:(?<=recipe )for|(?<=interview )with|(?:(?<=obituary )|(?<=profile )|(?<=review ))of) "),
        (
            "author",
            r"of (?:the )?(?=(?:author|writer|journalist|reporter|columnist) )(?:author|writer|journalist|reporter"
            r"|columnist) ",
        ),
        ("source", rf"(?:from|in) (?:the )?(?:{_PAPER} )?(?!{_COLLECTION})"),
        ("source", r"(?:writes?|wrote|have written|has written|contribute[sd]?|work(?:s|ed)?) (?:for|to) (?:the )?"),
    ),
    name_end=re.compile(
        r"(?=[,;]? (?:about|on|regarding|concerning|in|from|since|until|before|after|between|during|published|written"
        r"|printed|that|which|titled|entitled|headlined|are|is|was|were|did|do|have|has|mention\w*|deal\w*|dated|of|and"
        r"|by|[\"“«])(?:\s|$))"
    ),
    topic_end=re.compile(
        r"(?=[,;]? (?:since|until|before|after|between|published|written|printed|that were|that was|which were|did"
        r"|are there|do you|does the|are|in the collection|in this collection|have|has|were|is|was|in arabic|in english"
        r"|dated|during) )|(?=[,;]? (?:are there|exist|altogether|in total|in all|published|written)$)"
    ),
    owner_end=re.compile(r"(?!)"),
    clause=re.compile(r"(?<!how)(?<!why)(?<!what)(?<!who)(?<!that)(?<!which)(?<!where) (?:did|does|do|are|is|was|were"
    r"|have|has|had|will|can)\b"),
    no_topic=re.compile(rf"(?:{_COLLECTION}|what|it|them|this|that)\s*$"),
)  # fmt: skip
