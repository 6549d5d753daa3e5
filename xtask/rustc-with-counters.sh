#!/bin/sh
# The compiler for `cargo xtask coverage`: as cargo calls it for the workspace's own packages, with counters in what it makes.
exec "$@" -Cinstrument-coverage
