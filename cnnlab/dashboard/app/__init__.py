"""This room holds what every page stands in: the router, the navigation, the sidebar, start-up and health."""
