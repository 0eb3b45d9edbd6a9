// What BitBake makes of a recipe's values on one machine of one series: overrides, appends and the
// recipe's own Python really run. Machines are as oe-core's tunes and C libraries describe them.
import { execFileSync } from 'node:child_process';
import type { Recipe } from './recipe.ts';

export type Machine = {
  /** HOST_SYS, which COMPATIBLE_HOST is held against. */
  readonly system: string;
  /** TUNE_FEATURES. */
  readonly features: string;
  /** Weakest first. */
  readonly overrides: string;
  readonly series?: string;
  /** What local.conf says. */
  readonly settings?: { readonly [name: string]: string };
};

export type Evaluated = {
  /** Why the recipe is not for this machine; empty where it is. */
  readonly skipped: string;
  readonly values: readonly string[];
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

const program = `import json, re, sys
from types import SimpleNamespace as Named
recipe, machines, texts = json.load(sys.stdin)
Skip = type('Skip', (Exception,), {})

def contains(name, wanted, yes, no, d):
    return yes if set(wanted.split()) <= set((d.getVar(name) or '').split()) else no

bb = Named(parse=Named(SkipRecipe=Skip), utils=Named(contains=contains))

def data(told, overrides):
    values = {name.replace('\${PN}', told['PN']): text for name, text in told.items()}
    def value(name):
        text = values.get(name)
        for one in overrides: text = values.get(f'{name}:{one}', text)
        for more in ['append', *(f'append:{one}' for one in overrides)]:
            if f'{name}:{more}' in values: text = (text or '') + values[f'{name}:{more}']
        return None if text is None else expand(text)
    def variable(found):
        known = value(found[1])
        return found[0] if known is None else known
    def inline(found):
        return str(eval(found[1], {'d': d, 'bb': bb}))
    def expand(text):
        text = re.sub(r'[$][{]([\\w:.+/~-]+)[}]', variable, text)
        return re.sub(r'[$][{]@((?:[{].*?[}]|[^{}])+)[}]', inline, text)
    d = Named(getVar=value, expand=expand)
    return d

def evaluated(machine):
    values = {**recipe['variables'], **machine.get('settings', {}),
        'PN': recipe['name'], 'BPN': recipe['name'], 'PV': recipe['version'],
        'LAYERSERIES_CORENAMES': machine.get('series', 'scarthgap'), 'HOST_SYS': machine['system'],
        'TUNE_FEATURES': machine['features'], 'OVERRIDES': machine['overrides']}
    d = data(values, machine['overrides'].split(':'))
    try:
        if not re.match(d.getVar('COMPATIBLE_HOST') or '', machine['system']):
            return {'skipped': 'incompatible with host', 'values': []}
        exec('if True:\\n ' + recipe['python'].replace('\\n', '\\n '), {'d': d, 'bb': bb})
    except Skip as why: return {'skipped': str(why), 'values': []}
    return {'skipped': '', 'values': [d.expand(text) for text in texts]}

print(json.dumps([evaluated(machine) for machine in machines]))`;

/** The texts as they are on each machine, such as `${LICENSE}` or the body of a function. */
export function evaluate(
  recipe: Recipe,
  machines: readonly Machine[],
  texts: readonly string[] = [],
): readonly Evaluated[] {
  const told = {
    name: recipe.name,
    version: recipe.version,
    variables: Object.fromEntries(recipe.variables),
    python: recipe.functions.get('python') ?? 'pass',
  };
  const input = JSON.stringify([told, machines, texts]);
  const answer = execFileSync('python3', ['-c', program], { input, encoding: 'utf8' });
  const all: readonly Evaluated[] = JSON.parse(answer);
  return all;
}
