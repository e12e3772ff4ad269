"""This room lays pictures out on a plane by what a network makes of them: features, PCA, t-SNE, neighbours."""
