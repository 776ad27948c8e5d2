"""Ratings (好差评): five grades, once for a case and stage; the bottom two are put right and told of (国办发〔2019〕51号, GB/T 39734)."""
