// Computes what BitBake makes of a recipe's values on one machine of one series. Overrides and
// appends are applied, and the recipe's own Python really runs. Machines are as oe-core's tunes and
// C libraries describe them.
import { execFileSync } from 'node:child_process';
import type { Recipe } from './recipe.ts';

export type Machine = {
  /** HOST_SYS, which COMPATIBLE_HOST is matched against. */
  readonly system: string;
  /** TUNE_FEATURES. */
  readonly features: string;
  /** Weakest first. */
  readonly overrides: string;
  readonly series?: string;
  /** PV, if it differs from that of the file's name. */
  readonly version?: string;
  /** The settings of local.conf. */
  readonly settings?: { readonly [name: string]: string };
};

export type Evaluated = {
  /** Why the recipe is skipped on this machine; empty if it is not. */
  readonly skipped: string;
  readonly values: readonly string[];
  /** Notes, warnings and errors of the recipe's Python, and the files that its parse depends on. */
  readonly said: readonly string[];
};

const arm = 'arm armv7ve vfp thumb neon callconvention-hard cortexa15';

export const qemuarm64: Machine = {
  system: 'aarch64-oe-linux',
  features: 'aarch64 armv8a crc cortexa57',
  overrides: 'linux:aarch64:pn:armv8a:qemuarm64:qemuall:class-target:libc-glibc:forcevariable',
};
export const qemuarm: Machine = {
  system: 'arm-oe-linux-gnueabi',
  features: arm,
  overrides: 'linux-gnueabi:arm:pn:armv7ve:qemuarm:qemuall:class-target:libc-glibc:forcevariable',
};
export const qemux86: Machine = {
  system: 'x86_64-oe-linux',
  features: 'm64 core2',
  overrides: 'linux:x86-64:pn:qemux86-64:qemuall:class-target:libc-glibc:forcevariable',
};

const program = `import hashlib, json, re, sys
from types import SimpleNamespace as Named
recipe, machines, texts, tasks = json.load(sys.stdin)
Skip = type('Skip', (Exception,), {})
Fatal = type('Fatal', (Exception,), {})
FetchError = type('FetchError', (Exception,), {})
said = []

def contains(name, wanted, yes, no, d):
    return yes if set(wanted.split()) <= set((d.getVar(name) or '').split()) else no

def fetch(urls, d):
    for url in urls:
        if url.split(':')[0] not in ['file', 'http', 'https', 'ftp']:
            raise FetchError('Could not find a fetcher which supports the URL: ' + url)

def fatal(text):
    said.append('fatal: ' + text)
    raise Fatal(text)

def sha256(path):
    with open(path, 'rb') as file: return hashlib.sha256(file.read()).hexdigest()

bb = Named(
    parse=Named(SkipRecipe=Skip, mark_dependency=lambda d, path: said.append('depends: ' + path)),
    utils=Named(contains=contains, sha256_file=sha256),
    fetch2=Named(Fetch=fetch, BBFetchException=FetchError),
    note=lambda text: said.append('note: ' + text),
    warn=lambda text: said.append('warn: ' + text),
    fatal=fatal)

def data(values):
    overrides = lambda: values['OVERRIDES'].split(':')
    # Before scarthgap an expression ends at the first closing brace.
    ends = r'.+?' if values['LAYERSERIES_CORENAMES'] == 'kirkstone' else r'(?:[{].*?[}]|.)+?'
    def flag(name, flag):
        text = values.get(f'{name}[{flag}]')
        return None if text is None else expand(text)
    def value(name):
        known = {key.replace('\${PN}', values['PN']): text for key, text in values.items()}
        text = known.get(name)
        for one in overrides(): text = known.get(f'{name}:{one}', text)
        for more in ['append', *(f'append:{one}' for one in overrides())]:
            if f'{name}:{more}' in known: text = (text or '') + known[f'{name}:{more}']
        return None if text is None else expand(text)
    def variable(found):
        known = value(found[1])
        return found[0] if known is None else known
    def inline(found):
        return str(eval(found[1], {**names, 'd': d, 'bb': bb}))
    def expand(text):
        text = re.sub(r'[$][{]([\\w:.+/~-]+)[}]', variable, text)
        return re.sub(r'[$][{]@(' + ends + r')[}]', inline, text)
    d = Named(getVar=value, getVarFlag=flag, expand=expand, setVar=values.__setitem__,
        createCopy=lambda: data(dict(values)))
    return d

names = {'bb': bb}
exec(recipe['definitions'], names)

def run(body, d):
    exec('if True:\\n ' + body.replace('\\n', '\\n '), {**names, 'd': d})

def evaluated(machine):
    said.clear()
    values = {'DISTRO_FEATURES': 'systemd sysvinit', 'localstatedir': '/var', **recipe['variables'],
        **machine.get('settings', {}),
        'PN': recipe['name'], 'BPN': recipe['name'],
        'PV': machine.get('version', recipe['version']),
        'LAYERSERIES_CORENAMES': machine.get('series', 'scarthgap'), 'HOST_SYS': machine['system'],
        'TUNE_FEATURES': machine['features'],
        'OVERRIDES': machine['overrides'].replace(':pn:', f":pn-{recipe['name']}:")}
    d = data(values)
    skipped, expanded = '', []
    try:
        host = d.getVar('COMPATIBLE_HOST')
        if host is not None and not re.match(host, machine['system']):
            raise Skip('incompatible with host')
        d.getVar('SRC_URI')
        run(recipe['python'], d)
        for task in tasks: run(task, d)
        expanded = [d.expand(text) for text in texts]
    except Skip as why: skipped = str(why)
    except Fatal: pass
    return {'skipped': skipped, 'values': expanded, 'said': list(said)}

print(json.dumps([evaluated(machine) for machine in machines]))`;

/**
 * Returns the texts as they are on each machine, such as `${LICENSE}` or the body of a function.
 * The named Python functions run first, as tasks.
 */
export function evaluate(
  recipe: Recipe,
  machines: readonly Machine[],
  texts: readonly string[] = [],
  tasks: readonly string[] = [],
): readonly Evaluated[] {
  const told = {
    name: recipe.name,
    version: recipe.version,
    variables: Object.fromEntries(recipe.variables),
    python: recipe.functions.get('python') ?? 'pass',
    definitions: recipe.definitions,
  };
  const bodies = tasks.map((name) => {
    const body = recipe.functions.get(`python ${name}`);
    if (body === undefined) throw new Error(`${recipe.name} has no Python function ${name}`);
    return body;
  });
  const input = JSON.stringify([told, machines, texts, bodies]);
  const answer = execFileSync('python3', ['-c', program], { input, encoding: 'utf8' });
  const all: readonly Evaluated[] = JSON.parse(answer);
  return all;
}
