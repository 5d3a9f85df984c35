"""What streaming costs: through proxies from a synthetic engine (`proxy`), and of a real model (`engine`)."""
