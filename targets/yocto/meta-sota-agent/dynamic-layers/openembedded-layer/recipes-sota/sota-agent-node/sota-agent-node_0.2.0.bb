# The agent as a script for the nodejs of the image: any CPU, any C library, less than 1 MB, and the
# distribution handles vulnerabilities of Node. It needs Node 20 or newer: scarthgap or later.

# nooelint: oelint.task.noanonpython
python () {
    import re
    given = re.search(r'\d+', d.getVar('PREFERRED_VERSION_nodejs') or '')
    is_kirkstone = 'kirkstone' in (d.getVar('LAYERSERIES_CORENAMES') or '').split()
    major = int(given.group()) if given else (16 if is_kirkstone else 20)
    if major < 20:
        raise bb.parse.SkipRecipe('needs nodejs 20 or newer, and this build has nodejs %d%s: use '
            'sota-agent, or a layer with a newer nodejs and PREFERRED_VERSION_nodejs'
            % (major, ' (of kirkstone)' if is_kirkstone and not given else ''))
}

require recipes-sota/sota-agent/sota-agent.inc

LICENSE = "MPL-2.0 ${SOTA_AGENT_AND} MIT ${SOTA_AGENT_AND} BSD-3-Clause"

SOTA_AGENT_TARBALL = "sota-agent-node-${PV}.tar.gz"
SOTA_AGENT_TARBALL_NAME = "node"

RDEPENDS:${PN} += "nodejs"
RPROVIDES:${PN} = "sota-agent"
RCONFLICTS:${PN} = "sota-agent"

CVE_PRODUCT = "sota-agent"
