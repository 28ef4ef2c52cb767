from patsy import Origin

class Token:
    type: str
    origin: Origin
    extra: str

class ParseNode:
    type: str
    token: Token
    args: list[ParseNode]
    origin: Origin

def parse_formula(code: str) -> ParseNode: ...
