"""What applying costs: submitting, listing among many, checking, uploading."""
