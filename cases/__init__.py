"""What residents apply for: drafts, submission, progress."""
