/** Sequelize models of the tables in schema.ts. They describe the tables; they never create them. */
import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  type Model,
  type ModelStatic,
  type Sequelize,
} from 'sequelize';
import type { Channel, UserRole, UserStatus } from './schema.ts';

export interface User extends Model<InferAttributes<User>, InferCreationAttributes<User>> {
  id: CreationOptional<number>;
  teamId: number;
  name: string;
  email: string;
  /** Never selected by default: see the default scope. */
  passwordHash: string;
  role: UserRole;
  status: UserStatus;
  openInteractions: CreationOptional<number>;
  /** One more with every change. */
  version: CreationOptional<number>;
  createdAt: CreationOptional<Date>;
  updatedAt: CreationOptional<Date>;
}

export interface Contact extends Model<InferAttributes<Contact>, InferCreationAttributes<Contact>> {
  id: CreationOptional<number>;
  name: string;
  email: string;
  phone: string;
  createdAt: CreationOptional<Date>;
}

export interface Interaction
  extends Model<InferAttributes<Interaction>, InferCreationAttributes<Interaction>> {
  id: CreationOptional<number>;
  userId: number;
  contactId: number;
  channel: Channel;
  durationSeconds: number;
  notes: string;
  createdAt: CreationOptional<Date>;
}

export interface Models {
  readonly User: ModelStatic<User>;
  readonly Contact: ModelStatic<Contact>;
  readonly Interaction: ModelStatic<Interaction>;
}

/** Binds the models to one Sequelize instance. */
export function defineModels(sequelize: Sequelize): Models {
  // Functions: Sequelize writes the column's name into the object it is given, so two columns cannot share one.
  const id = () => ({ type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true });
  const text = () => ({ type: DataTypes.TEXT, allowNull: false });
  const integer = () => ({ type: DataTypes.INTEGER, allowNull: false });
  const instant = () => ({ type: DataTypes.DATE, allowNull: false });
  const madeOnce = { underscored: true, updatedAt: false } as const;

  return {
    User: sequelize.define<User>(
      'user',
      {
        id: id(),
        teamId: integer(),
        name: text(),
        email: text(),
        passwordHash: text(),
        role: text(),
        status: text(),
        openInteractions: { ...integer(), defaultValue: 0 },
        version: { ...integer(), defaultValue: 0 },
        createdAt: instant(),
        updatedAt: instant(),
      },
      { underscored: true, tableName: 'users', defaultScope: { attributes: { exclude: ['passwordHash'] } } },
    ),
    Contact: sequelize.define<Contact>(
      'contact',
      { id: id(), name: text(), email: text(), phone: text(), createdAt: instant() },
      { ...madeOnce, tableName: 'contacts' },
    ),
    Interaction: sequelize.define<Interaction>(
      'interaction',
      {
        id: id(),
        userId: integer(),
        contactId: integer(),
        channel: text(),
        durationSeconds: integer(),
        notes: text(),
        createdAt: instant(),
      },
      { ...madeOnce, tableName: 'interactions' },
    ),
  };
}
