"""The queue of sweeps beside a store: submitted by anybody with the right, each done once by one worker."""
