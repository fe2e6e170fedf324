"""Complete plants on real data: a plant file and a loader each. The product never imports them."""
