// The rows of the matrix: every released node and server in the combinations that existed (protocol
// 0), and the reasons why other combinations are absent.
import type { TransportName } from '../backend/backend.ts';
import type { DialectName } from '../backend/dialects.ts';
import type { NodeKind } from '../backend/node-rules.ts';
import type { ServerKind } from '../backend/server-rules.ts';

export type Row = {
  readonly node: NodeKind;
  readonly transport: Exclude<TransportName, 'ws'>;
  readonly server: ServerKind;
  readonly dialect: DialectName;
};

const nodes: readonly (readonly [NodeKind, Row['transport']])[] = [
  ['0.3', 'http'],
  ['0.4', 'http'],
  ['0.5.1', 'http'],
  ['0.4', 'rvi'],
  ['0.5.1', 'rvi'],
];

const servers: readonly (readonly [ServerKind, DialectName])[] = [
  ['S-A', 'P1'],
  ['S-B', 'P1'],
  ['S-C', 'P1'],
  ['S-C', 'P2'],
  ['S-M', 'P2'],
  ['S-M', 'P3'],
];

/** Servers that read an ack in another way; the nodes make no difference to it. */
const oddServers: readonly (readonly [ServerKind, DialectName])[] = [
  ['single', 'P2'],
  ['literal', 'P1'],
];
const isForOdd = ({ node, transport }: Pick<Row, 'node' | 'transport'>) =>
  nameOfNode(node, transport) === '0.4 HTTP' || nameOfNode(node, transport) === '0.5.1 WebSocket';

export const rows: readonly Row[] = nodes.flatMap(([node, transport]) =>
  [...servers, ...(isForOdd({ node, transport }) ? oddServers : [])].map(([server, dialect]) => ({
    node,
    transport,
    server,
    dialect,
  })),
);

/** Chunks that the server sends again until the agent has learned what its acks must list. */
export function learningMax({ server }: Row): number {
  if (server === 'literal') return 1;
  return server === 'single' ? 2 : 0;
}

export const absentRows: readonly (readonly [what: string, why: string])[] = [
  ['S-A and S-B with P2 or P3', 'servers of 2015 have P1 only; P2 came in March 2016'],
  ['S-C with P3', 'P3 came in June 2016; since March the server waits on after a report, as S-M'],
  ['S-M with P1', 'P1 ended two weeks before the server waited on after a report'],
  ['node 0.3 over WebSocket', 'the form of its frames is not documented; no SOTA client used it'],
  ['JSON-RPC over WebSocket', 'no node implements it; test/e2e has a gateway that does'],
];

function nameOfNode(node: NodeKind, transport: Row['transport']): string {
  return `${node} ${transport === 'http' ? 'HTTP' : 'WebSocket'}`;
}

export const nameOf = ({ node, transport, server, dialect }: Row) =>
  `${nameOfNode(node, transport)}, ${server} ${dialect}`;

/** 0.4 drops `[null]` over its WebSocket, so no abort and no getpackages arrive (protocol 1.9). */
export const isHalfDeaf = ({ node, transport }: Row) => node === '0.4' && transport === 'rvi';
