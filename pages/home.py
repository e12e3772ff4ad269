"""This page says what cnnlab is and where to begin."""

from cnnlab.dashboard.app import welcome

welcome.show()
