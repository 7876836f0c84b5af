#!/bin/sh
# Installs what the benchmarks are compared with: Debian's PyTorch, and OpenBLAS with OpenMP threads (its default
# pthread build slows PyTorch down on several cores). Needs root and a Debian-like system.
set -eu
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-torch libopenblas0-openmp
for name in libblas.so.3 liblapack.so.3 libopenblas.so.0; do
  link="$name-$(uname -m)-linux-gnu"
  choice=$(update-alternatives --list "$link" | grep openblas-openmp | head -n 1)
  update-alternatives --set "$link" "$choice"
done
/usr/bin/python3 -c 'import torch; print("PyTorch", torch.__version__); print(torch.__config__.show())'
