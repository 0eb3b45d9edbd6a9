# The same program as a script for the image's own nodejs: any CPU, any C library, less than 1 MB,
# and vulnerabilities of Node are the distribution's. Node 20 or newer: scarthgap on.
require recipes-sota/sota-agent/sota-agent.inc

LICENSE = "MPL-2.0 ${SOTA_AGENT_AND} MIT ${SOTA_AGENT_AND} BSD-3-Clause"

SRC_URI = "${SOTA_AGENT_RELEASES}/sota-agent-node-${PV}.tar.gz;name=node"

# The nodejs of kirkstone is 16.
COMPATIBLE_HOST = "${@'null' if 'kirkstone' in (d.getVar('LAYERSERIES_CORENAMES') or '').split() else '.*'}"

RDEPENDS:${PN} += "nodejs"
RPROVIDES:${PN} = "sota-agent"
RCONFLICTS:${PN} = "sota-agent"

CVE_PRODUCT = "sota-agent"
