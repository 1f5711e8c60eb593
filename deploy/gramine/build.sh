#!/bin/sh
# Puts together and signs the enclave; run by the Dockerfile beside it, in its image.
#   build.sh install WHEELS    install the package and all it needs below /app
#   build.sh sign KEY          make manifest and SIGSTRUCT below /enclave, and measure them again
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
APP=/app
ENCLAVE=/enclave
PYTHON=$(readlink -f /usr/bin/python3)
STDLIB=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
ARCH_LIBDIR=/lib/x86_64-linux-gnu

clean() {
    # Compiled files hold times, so they are never among what is measured.
    find "$@" -type d -name __pycache__ -prune -exec rm -rf {} +
    find "$@" -type f -name '*.pyc' -delete
}

install() {
    mkdir -p "$APP/lib" /var/empty
    pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: \
        --target "$APP/lib" -r "$1/requirements.txt"
    pip install --no-cache-dir --no-compile --no-deps --target "$APP/lib" "$1"/*.whl
    rm -rf "$APP/lib/bin"
    # These say how and from where pip installed, not what.
    find "$APP/lib" -path '*.dist-info/*' \( -name direct_url.json -o -name REQUESTED -o -name RECORD \) -delete
    cp "$HERE/coprove.toml" "$APP/coprove.toml"
    clean "$APP" "$STDLIB"
    find "$APP" -type d -exec chmod 755 {} +
    find "$APP" -type f -exec chmod 644 {} +
}

sign() {
    mkdir -p "$ENCLAVE"
    gramine-manifest -Dpython="$PYTHON" -Dstdlib="$STDLIB" -Darch_libdir="$ARCH_LIBDIR" \
        "$HERE/coprove.manifest.template" "$ENCLAVE/coprove.manifest"
    gramine-sgx-sign --chroot / --key "$1" --date 2026-01-01 \
        --manifest "$ENCLAVE/coprove.manifest" --output "$ENCLAVE/coprove.manifest.sgx"
    LIBPAL=$(python3 -c 'from graminelibos import _CONFIG_PKGLIBDIR as p; print(p)')/sgx/libpal.so
    PYTHONPATH="$APP/lib" PYTHONDONTWRITEBYTECODE=1 \
        python3 -c 'from coprove.cli import main; main()' measure gramine \
        --manifest "$ENCLAVE/coprove.manifest.sgx" --libpal "$LIBPAL" \
        --sigstruct "$ENCLAVE/coprove.sig" --root / --json > "$ENCLAVE/measurement.json"
    cat "$ENCLAVE/measurement.json"
}

command=$1
shift
case $command in
    install) install "$@" ;;
    sign) sign "$@" ;;
    *) echo "unknown: $command" >&2; exit 2 ;;
esac
