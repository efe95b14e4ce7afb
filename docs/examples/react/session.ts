import { open } from "/seshd.js"; // served by seshd, so that the two are of one version

export interface Shop {
  fruit: string;
  visits: number;
}

export const session = open<Shop>();
