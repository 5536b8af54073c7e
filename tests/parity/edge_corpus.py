"""Texts at the edges: what news seldom has and a tokenizer may stumble over. All of our own making.

Escapes stand for whatever an editor would not show or would mend."""

EMOJI = [
    "\U0001F600", "\U0001F600\U0001F600\U0001F602", "I \u2764\ufe0f London!",
    "thumbs \U0001F44D\U0001F3FD up",
    "The \U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466 "
    "family moved to Leeds on 3 May.",
    "\U0001F3F3\ufe0f\u200d\U0001F308 week in Brighton",
    "\U0001F1EC\U0001F1E7 beat \U0001F1EB\U0001F1F7 in Rome", "Paris\U0001F5FC, Tokyo\U0001F5FC",
    "1\ufe0f\u20e3 Apple 2\ufe0f\u20e3 Google", ":) :-( ;-D <3 </3 ^_^ (>_<) o.O",
    "\u00af\\_(\u30c4)_/\u00af said Anna", "\u2603 in Oslo \u2600 in Rome",
]
COMBINING = [
    "Jose\u0301 Garci\u0301a met Zoe\u0308 in Mu\u0308nchen.", "José García met Zoë in München.",
    "e\u0301\u0323\u0327 \u0301 \u0301\u0302\u0303",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u034balgo in Madrid", "n\u0303a\u0303o",
    "A\u030angstro\u0308m", "\u1e9b\u0323", "q\u0307\u0323", "Vie\u0323\u0302t Nam", "\u0327start",
    "\u0345\u03b1 \u1f84 \u1ff7", "ﬁrst ﬂoor of ﬃce", "Ǆ ǅ ǆ Ǉ ǈ",
    "\u00bd of \u00b2\u00b3 \u2460 \u2167 \u2177",
]
RIGHT_TO_LEFT = [
    "בנימין נתניהו ביקר בניו יורק.", "زار الرئيس مدينة القاهرة يوم الاثنين، وقال: «نعم».",
    "He said \u202bשלום\u202c in Haifa.", "\u200fتهران\u200f\u060c 25 خرداد",
    "ABC \u2067אבג\u2069 DEF", "سال ۱۴۰۲ در تهران", "می\u200cخواهم",
]
ASIAN = [
    "习近平主席周二在北京会见了联合国秘书长。", "東京は日本の首都です。安倍晋三元首相。", "서울에서 김정은 위원장이 만났다.", "ราคา ฿500 ที่กรุงเทพ",
    "नरेन्द्र मोदी ने दिल्ली में कहा।", "Lee Kuan Yew (李光耀) of Singapore", "ＦＵＬＬ ｗｉｄｔｈ １２３，ｙｅｓ！",
    "「引用」と『引用』、〜など…", "\u3000全角\u3000空白\u3000",
]
SPACES = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", " \n ", "\u00a0", "\u3000", "\u2028",
    "\x1c\x1d\x1e\x1f", "\x85", "a", " a", "a ", "  a  ", "\na", "a\n", "\ta\t", "New\u00a0York",
    "New \u00a0York", "New\u00a0 York", "New\u202fYork \u2009Times",
    "zero\u200bwidth in New\u200bYork", "\u200bLondon\u200b", "\ufeffLondon calls", "Lon\ufeffdon",
    "soft\u00adhyphen Lon\u00addon", "word\u2060joiner", "mongolian\u180evowel", "ogham\u1680mark",
    "John\tSmith\tParis\t2010", "John \t Smith", "John\n\nSmith",
    "John\r\nSmith\rParis\x0bRome\x0cOslo", "tab\t\ttab", "end with tab\t", "end with newline \n",
    "a  b   c    d     e", "Mr.  Smith", "New  York", "New   York City\n\n\nLondon",
    "\n \n \n Rome \n \n", "Rome .", "Rome\u00a0.", "Barack\nObama", "Barack \nObama",
    "\u2003\u2003Indented by Anna Lee", "line one\u2028line two\u2029line three",
    "  \u00a0 \t \u00a0  ",
]
WEB = [
    "https://www.example.org/a/b?c=d&e=f#g", "See http://example.com.", "(https://example.com/x)",
    "www.example.co.uk, today", "<https://example.org>",
    "http://user:pass@example.org:8080/path;x=1?q#f", "https://exämple.org/straße",
    "http://192.168.0.1/x", "ftp://files.example.org/pub", "example.com/path", "HTTP://EXAMPLE.COM",
    "https://", "http://.", "://x", "mail me@example.org now", "me.you+tag@sub.example.co.uk.",
    "<me@example.org>", "mailto:me@example.org", "@handle and @other_one",
    "#hashtag #Two #3 #ünïcode ##double #", "RT @bbc: #London wins!!! https://t.co/abc123",
    "C:\\Users\\me\\file.txt /usr/bin/env ~/x", "file.tar.gz v1.2.3-rc1 10.0.0.1", "a@b",
    "a@@b.com", "x@y.z", "user@[127.0.0.1]", "http://example.org/" + "a/" * 40, "www.", "www..com",
    "https://example.org/(a_(b))", "example.museum", "Amazon.com, Inc. and Yahoo! Inc.",
]
MONEY = [
    "$5", "$5.50", "$5,000,000.00", "US$5bn", "£3.5bn", "€10m", "10€", "5 $", "C$20 A$30 HK$40",
    "¥1,000", "Rs.500 Rs 500", "₹5 crore", "5%", "5.5 %", "10-15%", "$1-2bn", "-$5", "($5m)",
    "3x 10kg 5km/h 20°C 5'11\" 6ft", "1/2 3/4 10:30 10.30am 10:30pm 5pm", "1,234.56 1.234,56 1 234",
    "1st 2nd 3rd 21st", "1990s '90s 1990's", "2004-05 2004/05 2004–05", "9/11", "24/7", "No. 10",
    "No.10", "50p 99¢", "1e10 0x1F", "+44 20 7946 0000", "(020) 7946-0000",
    "10,000m at 3.5m a year", "€\u00a05\u00a0Mio.", "5mln 5k 5K", "$$$ $",
]
CONTRACTIONS = [
    "don't can't won't shan't ain't", "DON'T CAN'T WON'T", "don’t can’t won’t I’m you’re he’s",
    "I'm you're he's she'd they'll we've", "I`m don´t", "could've should've who'd've",
    "y'all 'em 'tis 'twas o'clock", "O'Brien's O’Neill’s", "the Smiths' house", "the Smiths’",
    "James's", "rock'n'roll rock 'n' roll", "gonna gotta wanna cannot lemme", "dont cant wont im",
    "it's its' its", "ma'am", "d'Artagnan", "l'Oréal L'Oréal", "let's Let's LET'S", "whats what's",
    "e.g. i.e. etc. vs. a.m. p.m. U.S. U.K. U.S.A. Ph.D. Mr. Mrs. Dr. St.",
    "He left at 5p.m. on Jan. 3.", "the U.S.'s army", "U.S.-led", "Nov.5", "Inc.", "Inc.,",
    "(Inc.)", "\"Inc.\"", "Co.", "a.b.c.d", "Adm. J. R. R. Tolkien Jr.", "not've", "n't", "'s", "'",
    "''", "don''t", "don't.", "(don't)", "\"don't\"", "don't-care", "'Cause 'cause",
]
QUOTES = [
    "\"Hello,\" said Ann.", "“Hello,” said Ann.", "‘Hello,’ said Ann.", "„Hallo“, sagte Ann.",
    "«Bonjour», dit Ann.", "''Hello'' ``there``", "'Paris'", "\"Paris\"", "“Paris”", "(Paris)",
    "[Paris]", "{Paris}", "<Paris>", "((Paris))", "\"(Paris)\"", "'\"Paris\"'", "Paris)", "(Paris",
    "\"\"\"", "“”", "()", "[]", "...", "…", ". . .", "....", "--", "---", "—", "–", "a—b", "a--b",
    "a–b", "a - b", "London-Paris", "mother-in-law", "anti-Trump", "post-9/11", "well-known",
    "e-mail", "x-", "-x", "-", "_", "__init__", "snake_case_word", "a/b/c", "and/or", "AC/DC",
    "AT&T", "R&D", "&amp; &lt;b&gt;", "<b>London</b>", "a*b*c", "**bold**", "*", "~", "|", "a|b",
    "a,b", "a, b", "a;b", "a:b", "a!b", "a?b", "what?!", "!!!", "?", "hm,yes", "end.Start",
    "end.start", "End.Start", "3.Start", "end.3", "London.Paris", "a.B.c", "Yes!No", ",London",
    ".London", "London,.;:!?", "§5 ©2020 ®Acme ™", "†Smith‡", "• first • second", "±5 ×2 ÷3 ≈4 ≤5",
    "№5", "✓ done", "→ Paris",
]
CASES = [
    "BARACK OBAMA MET ANGELA MERKEL IN BERLIN ON MONDAY.",
    "barack obama met angela merkel in berlin on monday.", "bArAcK oBaMa",
    "THE BBC'S JOHN SIMPSON, IN KABUL", "iPhone eBay McDonald's", "ΑΘΗΝΑ ΟΔΥΣΣΕΥΣ σ ς Σ",
    "İstanbul ISPARTA ılık", "STRASSE Straße ẞ", "X", "I", "A I X", "_ X x",
    "num neg det dep obj ORG LAW LOC DATE TIME NOUN", "LOC", "DATE is a TIME for NOUN",
    "ids ID POS TAG LANG", "Ⅳ ⅳ Ⓐ ⓐ", "ᏣᎳᎩ ꭰ", "\U00010400\U00010428 Deseret",
    "\U0001D400\U0001D7D8 math", "a" * 99, "a" * 100, "a" * 101, "Ab1-" * 30,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", "A" * 500,
    "ab." * 60, "!" * 300, "(" * 120 + "x" + ")" * 120, "'" * 90, "-" * 200, "." * 150, "1" * 200,
    "a-" * 80, "don't" * 20, "é" * 120, "\U0001F600" * 60, "x " * 300, "\n" * 100,
]
NEWS = [
   
    "Shares in Marks & Spencer (M&S) fell 3.2% to 245.5p on the London Stock Exchange "
    "on Tuesday, its lowest since 2009.",
    "“We’ll fight it,” Jean-Claude van Damme told CNN’s Anderson Cooper — in New York’s "
    "Times Square — at 9.30 a.m. on 14 February.",
    "LONDON (Reuters) - Britain's FTSE 100 .FTSE closed up 0.5 pct, helped by "
    "BP <BP.L> and Shell <RDSa.L>.",
    "Apple Inc.'s $1.2tn valuation, per Goldman Sachs' Q3 note, tops Saudi Aramco's.",
    "From:Jane Doe To:John Roe Subject:Lunch",
    "* BHP Billiton: +1.2%\n* Rio Tinto: -0.4%\n* Vale: unch.",
    "Manchester United 2-1 Real Madrid (agg: 4-3); Rooney 12', 88'",
    "By JOHN DOE\n\n\tWASHINGTON -- President Lee said Thursday",
    "Dr. Smith, Mrs. Jones and St. John's College, Cambridge, U.K.",
    "The European Union, United Nations, WHO, Nato and the F.B.I. met "
    "in Geneva on Sept. 3-5, 2019.",
    "War and Peace, by Leo Tolstoy",
    "Mayor of Paris Anne Hidalgo, Bank of America, University of California, Los Angeles, "
    "the Gulf of Mexico and the Fourth of July",
]


def texts():
    """The checked-in corpus, in order."""
    groups = [EMOJI, COMBINING, RIGHT_TO_LEFT, ASIAN, SPACES, WEB, MONEY, CONTRACTIONS, QUOTES,
              CASES, NEWS]
    each = [text for group in groups for text in group]
    # Everything of one kind together, so that words also stand next to others like them.
    return each + [" ".join(group) for group in groups] + ["\n".join(NEWS + EMOJI)]


def long_texts():
    """Too long to be checked in: one line of about a million characters of each kind."""
    sentence = NEWS[1] + " " + NEWS[0] + " "
    mixed = " ".join(texts()).replace("\n", " ")
    return [
        (sentence * (1_000_000 // len(sentence) + 1))[:1_000_000],
        (mixed * (1_000_000 // len(mixed) + 1))[:1_000_000],
        "\n".join(f"word{i} Name{i}" for i in range(70_000)),
    ]
