import "./refresh.js";
import "./tips.js";
