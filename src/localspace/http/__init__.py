"""What a handler works with: the request, its body, the answer."""
