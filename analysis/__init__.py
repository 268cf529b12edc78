"""Tables in, small typed results out, then figures. Never imports the runner, streamlit or torch."""
