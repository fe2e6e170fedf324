"""The scheduled jobs: what each does at one of its slots."""
