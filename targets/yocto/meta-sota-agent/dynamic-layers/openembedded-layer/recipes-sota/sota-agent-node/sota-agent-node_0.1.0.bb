# The same program as a script for the image's own nodejs: any CPU, any C library, less than 1 MB,
# and vulnerabilities of Node are the distribution's. Node 20 or newer: scarthgap on.
require recipes-sota/sota-agent/sota-agent.inc

LICENSE = "MPL-2.0 & MIT & BSD-3-Clause"

SRC_URI = "${SOTA_AGENT_RELEASES}/sota-agent-node-${PV}.tar.gz;name=node"

# sota-agent-release.inc names Node's licence for the CPUs of the executable; the script's tarball has
# no Node in it, and a licence that is not there fails the build.
python () {
    files = d.getVar('LIC_FILES_CHKSUM').split()
    d.setVar('LIC_FILES_CHKSUM', ' '.join(f for f in files if 'LICENSE.node' not in f))
}

# The nodejs of kirkstone is 16.
COMPATIBLE_HOST = "${@'null' if 'kirkstone' in (d.getVar('LAYERSERIES_CORENAMES') or '').split() else '.*'}"

RDEPENDS:${PN} += "nodejs"
RPROVIDES:${PN} = "sota-agent"
RCONFLICTS:${PN} = "sota-agent"

CVE_PRODUCT = "sota-agent"
