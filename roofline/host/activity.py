"""What other processes do on this host, just now."""

# The load average would still hold what we ourselves did a minute ago.
_WINDOW = 0.3


def busy_cpus(seconds: float = _WINDOW) -> float:
    """Return how many CPUs' worth of time the host spends on others while this process sleeps."""
    import psutil

    share = psutil.cpu_percent(interval=seconds) / 100
    return float(share * (psutil.cpu_count() or 1))
