require sota-agent.inc

# The agent, and Node with its built-in libraries (OpenSSL, zlib, ...), which LICENSE.node lists. The
# Unicode licence of ICU is only in that file, because its name differs between the two Nodes.
LICENSE = "MPL-2.0 ${SOTA_AGENT_AND} MIT ${SOTA_AGENT_AND} ISC ${SOTA_AGENT_AND} BSD-2-Clause ${SOTA_AGENT_AND} BSD-3-Clause ${SOTA_AGENT_AND} Apache-2.0 ${SOTA_AGENT_AND} Zlib"
LIC_FILES_CHKSUM += "${SOTA_AGENT_NODE_LICENSE}"
SOTA_AGENT_NODE_LICENSE ?= ""

# The name of a CPU in the names of tarball and checksum.
SOTA_AGENT_ARCH = "none"
SOTA_AGENT_ARCH:aarch64 = "arm64"
SOTA_AGENT_ARCH:arm = "armv7l"
SOTA_AGENT_TARBALL = "sota-agent-${PV}-linux-${SOTA_AGENT_ARCH}.tar.gz"
SOTA_AGENT_TARBALL_NAME = "${SOTA_AGENT_ARCH}"

# Node is built for glibc, and for ARMv8 (little endian) or ARMv7 with hard float. Other CPUs use
# sota-agent-node.
COMPATIBLE_HOST = "aarch64-.*linux$"
COMPATIBLE_HOST:arm = "${@'arm.*-linux' if 'callconvention-hard' in (d.getVar('TUNE_FEATURES') or '').split() and set(d.getVar('OVERRIDES').split(':')) & set(['armv7a', 'armv7ve', 'armv8a']) else 'null'}"
COMPATIBLE_HOST:libc-musl = "null"

# The script is in an ELF note inside the program. strip, objcopy and even a debug link destroy it, and
# no check of the build would find that. The executable has no symbols.
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
INHIBIT_SYSROOT_STRIP = "1"

# ldflags: Node for ARMv7 has no GNU_HASH section. 32bit-time: it has a time_t of 32 bits; the agent
# uses the monotonic clock for its timers.
# nooelint: oelint.vars.insaneskip
INSANE_SKIP:${PN}:append:arm = " ldflags 32bit-time"

# A scan of vulnerabilities has to check the Node in the executable.
CVE_PRODUCT = "nodejs:node.js"
CVE_VERSION = "${SOTA_AGENT_NODE_VERSION}"
SOTA_AGENT_NODE_VERSION ?= "unknown"
