// Renders every overlay of deploy/kubernetes, and checks that
// - each manifest has Kubernetes' published types, without a field too many;
// - every process has what every process must have (rules.js);
// - the programs accept the settings in the manifests;
// - and that a manifest that breaks a rule is found.
//
//   node check.js [PROGRAMS]     PROGRAMS: the folder of the built programs
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { breakages } from './breakages.js'
import { settingsText, violations } from './rules.js'

const here = dirname(fileURLToPath(import.meta.url))
const overlaysFolder = join(here, '../overlays')
const servicesFolder = join(here, '../../../services')
const [folder] = process.argv.slice(2)
const programs = folder && resolve(folder)
// Without those of a test run, which the programs would take for settings.
const otherVariables = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CARAVAN_')))
let passed = 0
const failures = []
function check(what, problems) {
  if (problems.length === 0) passed += 1
  for (const problem of problems) failures.push(`${what}: ${problem}`)
}

function render(overlay) {
  const text = execFileSync('kubectl', ['kustomize', join(overlaysFolder, overlay)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  return parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((document) => {
    if (document.errors.length) throw document.errors[0]
    return document.toJS()
  })
}

const GROUPS = {
  v1: 'kubernetes-types/core/v1',
  'apps/v1': 'kubernetes-types/apps/v1',
  'autoscaling/v2': 'kubernetes-types/autoscaling/v2',
  'batch/v1': 'kubernetes-types/batch/v1',
  'networking.k8s.io/v1': 'kubernetes-types/networking/v1',
  'policy/v1': 'kubernetes-types/policy/v1',
  'rbac.authorization.k8s.io/v1': 'kubernetes-types/rbac/v1',
  'cert-manager.io/v1': './cert-manager'
}

// As object literals, in which the compiler refuses fields that a type lacks.
function typescript(objects) {
  return objects.map((object, index) => {
    const from = GROUPS[object.apiVersion]
    if (!from) return `const unknown${index}: never = ${JSON.stringify(object.apiVersion)}`
    return `import { ${object.kind} as Type${index} } from '${from}'\n` +
      `export const object${index}: Type${index} = ${JSON.stringify(object, null, 1)}`
  }).join('\n')
}

// The compiler's complaints about objects, each with what it is about.
function typeErrors(objects) {
  const folder = mkdtempSync(join(tmpdir(), 'caravan-kubernetes-'))
  try {
    symlinkSync(join(here, 'node_modules'), join(folder, 'node_modules'))
    symlinkSync(join(here, 'cert-manager.d.ts'), join(folder, 'cert-manager.d.ts'))
    const text = typescript(objects)
    writeFileSync(join(folder, 'manifests.ts'), text)
    const { status, stdout } = spawnSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'),
      '--strict', '--noEmit', '--skipLibCheck', '--preserveSymlinks', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext', '--pretty', 'false',
      'manifests.ts'], { cwd: folder, encoding: 'utf8' })
    if (status === 0) return []
    const lines = text.split('\n')
    return stdout.trim().split('\n').map((line) => {
      const number = Number(/\((\d+),/.exec(line)?.[1])
      return number ? `${line.replace(/^.*?: /, '')} (at ${lines[number - 1].trim()})` : line
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

// Those of the pod; what comes from elsewhere in the cluster is any text.
function variables(objects, name) {
  const deployment = objects.find((each) => each.kind === 'Deployment' && each.metadata.name === name)
  const env = deployment?.spec.template.spec.containers[0].env ?? []
  return Object.fromEntries(env.map((each) => [each.name, each.value ?? 'text']))
}

// A program that has understood its settings complains about the first file
// that is only in the pod, and about nothing else.
function settingsErrors(objects, name) {
  const program = join(programs, `caravan-${name}`)
  if (!existsSync(program)) return [`there is no program ${program}`]
  const folder = mkdtempSync(join(tmpdir(), 'caravan-kubernetes-'))
  try {
    const file = join(folder, 'settings.yaml')
    writeFileSync(file, settingsText(objects, name))
    const { status, stdout, stderr } = spawnSync(program, [`--config=${file}`],
      { cwd: folder, encoding: 'utf8', timeout: 20_000, env: { ...otherVariables, ...variables(objects, name) } })
    const output = `${stdout ?? ''}${stderr ?? ''}`.trim()
    if (status !== 0 && output.includes('/etc/caravan/') && !output.includes('setting')) return []
    return [`caravan-${name} does not accept its settings: ${output.replaceAll('\n', ' ')}`]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const processes = readdirSync(servicesFolder).filter((name) => existsSync(join(servicesFolder, name, 'main.cc')))
for (const overlay of readdirSync(overlaysFolder)) {
  const objects = render(overlay)
  check(`${overlay}, types`, typeErrors(objects))
  check(`${overlay}, rules`, violations(objects, overlay, processes))
  if (programs) for (const name of processes) check(`${overlay}, settings of ${name}`, settingsErrors(objects, name))
  for (const breakage of breakages.filter((each) => !each.overlay || each.overlay === overlay)) {
    const broken = structuredClone(objects)
    breakage.apply(broken)
    const said = violations(broken, overlay, breakage.processes ?? processes).join('\n')
    check(`${overlay}, ${breakage.name}`, said.includes(breakage.says) ? [] : [`is not found; said: ${said || 'nothing'}`])
  }
}
// The compiler sees a field too many.
const misspelled = structuredClone(render('production'))
misspelled.find((each) => each.kind === 'Deployment').spec.template.spec.enableServiceLink = false
check('a misspelled field', typeErrors(misspelled).some((each) => each.includes('enableServiceLink')) ? [] : ['is not found'])
// The programs see a variable too many.
if (programs) {
  const strange = structuredClone(render('production'))
  strange.find((each) => each.kind === 'Deployment' && each.metadata.name === 'gateway')
    .spec.template.spec.containers[0].env = [{ name: 'CARAVAN_REPLICA_ID', value: '1' }]
  check('a variable that is no setting', settingsErrors(strange, 'gateway').some((each) => each.includes('CARAVAN_REPLICA_ID')) ? [] : ['is not found'])
}

for (const failure of failures) console.error(failure)
console.log(`${passed} passed, ${failures.length} failed`)
process.exit(failures.length === 0 ? 0 : 1)
