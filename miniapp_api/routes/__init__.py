"""One file per noun. A route says who may call, reads the request, calls one function, shapes the answer."""
