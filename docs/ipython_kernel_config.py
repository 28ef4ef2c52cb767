"""Settings of the kernels that run the pages."""

c = get_config()  # noqa: F821
c.IPKernelApp.log_level = "ERROR"
c.HistoryManager.enabled = False
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.rc = {"figure.dpi": 96, "font.size": 10, "svg.hashsalt": "nmfre"}
