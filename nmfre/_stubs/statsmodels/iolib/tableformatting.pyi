fmt_2cols: dict[str, object]
fmt_params: dict[str, object]
