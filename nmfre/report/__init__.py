"""From labelled frames and findings to text, HTML and LaTeX."""
