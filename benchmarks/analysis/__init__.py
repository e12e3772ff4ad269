"""How often a conclusion is wrong, counted on simulated runs."""
