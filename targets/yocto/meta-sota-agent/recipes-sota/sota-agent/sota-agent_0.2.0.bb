require sota-agent.inc

# The agent, and Node with what is built into it (OpenSSL, zlib, ...), which LICENSE.node spells out.
# The Unicode licence of ICU stands there only: its name is not the same for both Nodes.
LICENSE = "MPL-2.0 ${SOTA_AGENT_AND} MIT ${SOTA_AGENT_AND} ISC ${SOTA_AGENT_AND} BSD-2-Clause ${SOTA_AGENT_AND} BSD-3-Clause ${SOTA_AGENT_AND} Apache-2.0 ${SOTA_AGENT_AND} Zlib"
LIC_FILES_CHKSUM += "${SOTA_AGENT_NODE_LICENSE}"
SOTA_AGENT_NODE_LICENSE ?= ""

# The names of the tarballs, of their checksums, and of the CPUs that they run on.
SOTA_AGENT_ARCH = "none"
SOTA_AGENT_ARCH:aarch64 = "arm64"
SOTA_AGENT_ARCH:arm = "armv7l"
SOTA_AGENT_TARBALL = "sota-agent-${PV}-linux-${SOTA_AGENT_ARCH}.tar.gz"
SOTA_AGENT_TARBALL_NAME = "${SOTA_AGENT_ARCH}"

# Node is built for glibc, ARMv8 (little endian) or ARMv7 with hard float. For the others there is
# sota-agent-node.
COMPATIBLE_HOST = "aarch64-.*linux$"
COMPATIBLE_HOST:arm = "${@'arm.*-linux' if 'callconvention-hard' in (d.getVar('TUNE_FEATURES') or '').split() and set(d.getVar('OVERRIDES').split(':')) & set(['armv7a', 'armv7ve', 'armv8a']) else 'null'}"
COMPATIBLE_HOST:libc-musl = "null"

# The script lies behind the program in a note of its own. strip, objcopy and even a debug link
# destroy that, and no check of the build would notice. Symbols have been taken out before.
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_PACKAGE_DEBUG_SPLIT = "1"
INHIBIT_SYSROOT_STRIP = "1"

# ldflags: Node's own build for ARMv7 has no GNU_HASH section. 32bit-time: it was made with a time_t
# of 32 bits; the agent uses the monotonic clock for what it waits for.
# nooelint: oelint.vars.insaneskip
INSANE_SKIP:${PN}:append:arm = " ldflags 32bit-time"

# What a scan of vulnerabilities has to look for is the Node inside.
CVE_PRODUCT = "nodejs:node.js"
CVE_VERSION = "${SOTA_AGENT_NODE_VERSION}"
SOTA_AGENT_NODE_VERSION ?= "unknown"
