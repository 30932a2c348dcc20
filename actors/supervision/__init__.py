"""Supervision by OTP's rules."""
