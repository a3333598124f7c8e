/** A connection to one server, where it leads, and how it is made. */

export interface NodeAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Where it is not that of the other nodes. */
  readonly login?: Login;
}

/** In Sequelize's words. */
export interface Login {
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
}

/** A connection of pg, as Sequelize opens it; only what the router looks at. */
export interface Connection {
  /** False while an answer is outstanding. */
  readonly readyForQuery?: boolean;
  /** Set by Sequelize when the connection is lost, and here when nobody may use it again. */
  _invalid?: boolean;
  readonly _ending?: boolean;
  once(event: 'drain', listener: () => void): unknown;
  readonly connection: {
    on(event: 'parameterStatus', listener: (status: ParameterStatus) => void): unknown;
    readonly stream: { destroy(): void };
  };
}

export interface ParameterStatus {
  readonly parameterName: string;
  readonly parameterValue: string;
}

/** How connections come and go: Sequelize's ways, so that its hooks, types and settings stay. */
export interface Connector {
  open(address: NodeAddress): Promise<Connection>;
  close(connection: Connection): Promise<void>;
}

export type Purpose = 'read' | 'write';
