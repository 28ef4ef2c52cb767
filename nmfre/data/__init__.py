"""From what users have, frames, arrays, sparse matrices and chunks, to one labelled pair (Y, A)."""
