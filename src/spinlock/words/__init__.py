"""What coarse tokens mean in language: titles, definitions, sentences of runs, and how far each can be trusted."""
