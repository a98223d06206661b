"""The beginnings of scenario files, for tests that write their own."""

HEAD = 'title = "T"\nquestion = "Q?"\n'
TIMER = HEAD + '[channel]\nkind = "timer"\nservice = "100 us"\n'
FILE = HEAD + '[channel]\nkind = "file"\n'
