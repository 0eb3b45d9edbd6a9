# Parses recipes of the layer with bitbake's own parser, and prints the result. oe-core has no
# package, so this file adds its own classes and settings, as many as the recipes inherit. stdin:
# {bitbake, layer, folder, jobs}.
import json
import os
import re
import sys
import types

order = json.load(sys.stdin)
sys.path.insert(0, order['bitbake'])
# A part of bitbake that the package leaves out and that nothing here uses.
for name in ('hashserv', 'hashserv.client'):
    sys.modules[name] = types.ModuleType(name)
import bb
import bb.codeparser
import bb.data
import bb.data_smart
import bb.fetch2
import bb.parse
import bb.siggen

CLASSES = {
    'base': '''
def base_check_host(d):
    import re
    host = d.getVar('COMPATIBLE_HOST')
    if host and not re.match(host, d.getVar('HOST_SYS')):
        raise bb.parse.SkipRecipe('incompatible with host')
python () {
    base_check_host(d)
    for uri in (d.getVar('SRC_URI') or '').split():
        bb.fetch2.URI(uri)
}
python do_fetch() {
    pass
}
do_fetch[file-checksums] = "${@bb.fetch.get_checksum_file_list(d)}"
addtask fetch
python do_unpack() {
    pass
}
addtask unpack after do_fetch
addtask install after do_unpack
bbwarn() {
    echo "$*" >&2
}
''',
    'systemd': '', 'update-rc.d': '', 'useradd': '',
}

SETTINGS = {
    'bindir': '/usr/bin', 'mandir': '/usr/share/man', 'sysconfdir': '/etc', 'localstatedir': '/var',
    'nonarch_libdir': '/usr/lib', 'systemd_system_unitdir': '/usr/lib/systemd/system',
    'S': '/source', 'D': '/image', 'COMMON_LICENSE_DIR': '/licenses',
    '__bbclasstype': 'recipe', 'DISTRO_FEATURES': 'systemd sysvinit', 'FETCHCMD_wget': 'false', 'BB_SIGNATURE_HANDLER': 'basic',
    'PN': "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[0] or 'defaultpkgname'}",
    'PV': "${@bb.parse.vars_from_file(d.getVar('FILE', False), d)[1] or '1.0'}",
    'FILESPATH': '${FILE_DIRNAME}/files', 'FILE_DIRNAME': "${@os.path.dirname(d.getVar('FILE', False))}",
}

# The end of an inline expression: in bitbake up to 2.6, and in the installed release.
NEW = bb.data_smart.__expand_python_regexp__
OLD = re.compile(r'\${@.+?}')


def put(folder, files):
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    return folder


def parsed(job, classes):
    bb.data_smart.__expand_python_regexp__ = OLD if job['series'] == 'kirkstone' else NEW
    bb.parse.clear_cache()
    d = bb.data.init()
    values = {**SETTINGS, 'LAYERSERIES_CORENAMES': job['series'], 'HOST_SYS': job['system'],
        'TUNE_FEATURES': job['features'],
        'OVERRIDES': job['overrides'].replace(':pn:', ':pn-${PN}:'),
        'BBPATH': classes + ':' + order['layer'], 'TMPDIR': order['folder'],
        'DL_DIR': os.path.join(order['folder'], 'downloads'),
        'PERSISTENT_DIR': order['folder'], 'TOPDIR': order['folder'], **job['settings']}
    for name, value in values.items():
        d.setVar(name, value)
    d.setVar('__exportlist', set())
    bb.parse.siggen = bb.siggen.init(d)
    bb.parse.BBHandler.inherit('base', 'configuration', 0, d)
    if job['append']:
        d.setVar('__BBAPPEND', job['append'])
    d = bb.parse.handle(job['file'], d)['']
    return d


def result(job, classes):
    said = []
    for kind in ('note', 'warn', 'error'):
        setattr(bb, kind, lambda text, kind=kind: said.append(kind + ': ' + text))

    def fatal(text):
        said.append('fatal: ' + text)
        raise bb.BBHandledException()
    bb.fatal = fatal
    try:
        d = parsed(job, classes)
        skipped = d.getVar('__SKIPPED') or ''
        values = []
        if not skipped:
            # A cache of recipes has this flag, so that a missing file ends the parse.
            d.getVarFlag('do_fetch', 'file-checksums')
            for task in job['tasks']:
                bb.utils.better_exec('%s(d)' % task, {'d': d, task: function(d, task)}, task)
            values = [d.expand(text) for text in job['texts']]
        depends = [path for path, _ in d.getVar('__depends', False) or []]
        return {'halted': '', 'skipped': skipped, 'values': values, 'said': said,
            'depends': depends, 'hash': '' if skipped else hash_of(d, 'do_install')}
    except BaseException as why:
        text = '; '.join(said) or '%s: %s' % (type(why).__name__, why)
        return {'halted': text, 'skipped': '', 'values': [], 'said': said, 'depends': [], 'hash': ''}


def function(d, name):
    found = {}
    code = 'def %s(d):\n%s' % (name, d.getVar(name, False))
    exec(code, {**bb.utils._context, 'bb': bb}, found)
    return found[name]


def hash_of(d, task):
    """What the signature of a task is made of: the value of each variable that it depends on."""
    tasks, depends, values = bb.data.generate_dependencies(d, set())
    used, waiting = set(), [task]
    while waiting:
        for name in depends.get(waiting.pop(), ()):
            if name not in used:
                used.add(name)
                waiting.append(name)
    return json.dumps({name: str(values.get(name)) for name in sorted(used | {task})})


classes = put(os.path.join(order['folder'], 'core'), {
    'classes/%s.bbclass' % name: text for name, text in CLASSES.items()})
bb.codeparser.parser_cache_init(order['folder'])
sys.stdout = sys.stderr
answers = [result(job, classes) for job in order['jobs']]
sys.__stdout__.write(json.dumps(answers))
