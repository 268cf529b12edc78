"""YAML files that people write: read strictly, checked against pydantic models, mistakes told in one sentence each."""
