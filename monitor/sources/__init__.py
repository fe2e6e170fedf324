"""Adapters from any MES or historian to typed pages."""
