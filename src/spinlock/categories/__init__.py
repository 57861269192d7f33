"""Group the columns of a feature table: by what they mean (`by_registry`) or by how they move together (`by_clustering`)."""
