/** The session of the tests. Interfaces inside, not only type aliases: these have no index signature. */
export interface Shop {
  fruit: string;
  visits: number;
  log: string[];
  cart: Cart;
  point: [x: number, y: number];
  orders: Order[];
  paid: boolean;
  either: string | number;
  nothing: string | null;
  note?: string;
  count?: number;
  tags?: readonly string[];
  owner?: UserId;
}
export type UserId = string & { readonly brand: "user" };
export interface Cart {
  [sku: string]: number;
}
export interface Order {
  sku: string;
  gifts: string[];
}
