"""The HTTP server: metrics, health, pages and Alertmanager's webhook.

No handler computes or decides anything: it reads the store and renders the answer.
"""
