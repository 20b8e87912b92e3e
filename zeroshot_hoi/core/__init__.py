"""The nouns that every stage speaks: frozen records, no algorithm that belongs to one stage."""
