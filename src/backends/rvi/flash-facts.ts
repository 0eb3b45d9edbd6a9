// The facts of the RVI backend in the journal format. The names on flash never change.
import { createCodec } from '../../fact-codec.ts';
import { flag, object, oneOf, optional, text } from '../../schema.ts';
import type { Table } from '../../fact-codec.ts';
import type { RviFact } from './model.ts';

const id = object({ name: text, version: text });
const services = object({ start: text, ack: text, report: text, packages: text });

const table: Table<RviFact> = {
  'server-named': { flash: 'backend-named', fields: { services }, isCritical: true },
  'resume-method-learned': {
    flash: 'rung-learnt',
    fields: {
      context: oneOf('after-start', 'resume'),
      method: oneOf('full', 'empty', 'start'),
      services: optional(services),
    },
    renamed: { context: 'situation', method: 'rung' },
    // A lost fact does no harm: the agent learns the method again.
    isCritical: false,
  },
  'ack-list-learned': {
    flash: 'ack-list-learned',
    fields: { list: oneOf('full', 'tail', 'single', 'unknown'), services: optional(services) },
    // A lost fact costs one chunk.
    isCritical: false,
  },
  'dialect-learned': {
    flash: 'dialect-learnt',
    fields: { dialect: oneOf('P1', 'P2', 'P3'), hasNoInstallTimeout: optional(flag) },
    renamed: { hasNoInstallTimeout: 'isPatient' },
    isCritical: true,
  },
  'inventory-requested': {
    flash: 'packages-asked',
    fields: { services: optional(services) },
    isCritical: true,
  },
  'inventory-sent': { flash: 'packages-told', fields: {}, isCritical: true },
  'package-origin': {
    flash: 'package-origin',
    fields: { id, services: optional(services), offeredBy: optional(services) },
    isCritical: true,
  },
};

export const rviFacts = createCodec<RviFact>(table);
