"""Sixty things somebody might type where a name is asked for. What is too long or unprintable is refused; the rest is text."""

EVIL = "evil.example"
"""No request may ever go there."""

SIXTY = [
    # out of the folder
    "../../etc/passwd",
    "..\\..\\windows\\system32",
    "/etc/passwd",
    "C:\\boot.ini",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%252f..%252f",
    "....//....//",
    "~root/.ssh/id_rsa",
    "file:///etc/passwd",
    "\\\\evil.example\\share",
    ".",
    "..",
    "-rf",
    "--help",
    "CON",
    "NUL.txt",
    "a\x00b",
    "name.safetensors\x00.exe",
    # as markup
    "<script>window.evil=1</script>",
    "<img id=evil src=x onerror='window.evil=1'>",
    "<img src=http://evil.example/a.png>",
    "<svg id=evil onload=window.evil=1>",
    "<iframe id=evil src=//evil.example></iframe>",
    "<a id=evil href=javascript:window.evil=1>x</a>",
    "</span></div><b id=evil>x",
    "&lt;b id=evil&gt;&amp;",
    "&#60;img src=x onerror=window.evil=1&#62;",
    "<style>@import '//evil.example/x.css'</style>",
    "<meta http-equiv=refresh content='0;//evil.example'>",
    "<!-- --><b id=evil>",
    "<![CDATA[<b id=evil>]]>",
    "%{fullData.name}<br><b id=evil>%{x}",
    # as Markdown, and what Streamlit adds to it
    "![x](http://evil.example/x.png)",
    "[x](javascript:window.evil=1)",
    "[x](http://evil.example)",
    "<http://evil.example>",
    "http://evil.example/auto",
    "www.evil.example",
    "mail@evil.example",
    "[x]: http://evil.example",
    "# Title",
    "- list",
    "> quote",
    "| a | b |",
    "`code` **bold** _it_ ~~no~~",
    "```",
    "$\\href{javascript:window.evil=1}{x}$",
    "$$\\frac{1}{2}$$",
    ":red[evil] :material/home: :smile:",
    ":blue-badge[x] -> <- --",
    # as something else
    "'; DROP TABLE runs; --",
    '" OR 1=1 --',
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "%s%n%x {0} {run.config}",
    "=cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd|'/c calc'!A1",
    # as writing
    "nur\u202efdp.exe",
    "line\nbreak",
    "👩‍🔬 👨‍👩‍👧 family",
    "x" * 10_000,
]

assert len(SIXTY) == len(set(SIXTY)) == 60
